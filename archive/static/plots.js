// Draws the dashboard's plots, and one under any table or query, with the Vega-Lite that lies beside this file.
// Vega's expressions are interpreted (ast), never compiled: the desk's policy has no 'unsafe-eval'. Nothing is loaded
// but from this server, and what a saved page says reaches the picture as text only.

const words = JSON.parse(document.getElementById("desk-words").textContent);
const root = JSON.parse(document.getElementById("desk-static").textContent);
const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
let library = null;

function script(name) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = `${root}vendor/${name}`;
    element.onload = resolve;
    element.onerror = () => reject(new Error(element.src));
    document.head.append(element);
  });
}

function vega() {
  library ??= script("vega.min.js").then(() => script("vega-lite.min.js")).then(() => script("vega-embed.min.js"));
  return library;
}

async function fetched(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok || answer.error) throw new Error(answer.error || response.status);
  return { rows: answer.rows, cut: Boolean(answer.truncated || answer.next) };
}

// a column of numbers is a quantity, but a year is a label
function kind(rows, name) {
  const values = rows.map((row) => row[name]).filter((value) => value !== null);
  const numbers = values.length > 0 && values.every((value) => typeof value === "number");
  return !numbers || /(^|_)(year|id)$/.test(name) ? "nominal" : "quantitative";
}

// a field's name may hold what Vega reads as a path
const field = (name) => name.replace(/[\\.[\]'"]/g, "\\$&");

function specification(rows, plot) {
  const title = (name) => plot.labels?.[name] ?? name;
  const channel = (name, more = {}) => ({ field: field(name), type: kind(rows, name), title: title(name), ...more });
  const years = (name) => (kind(rows, name) === "nominal" ? { sort: null } : {});
  const encoding = { x: channel(plot.x, years(plot.x)), y: channel(plot.y, years(plot.y)) };
  if (plot.mark === "rect") {
    encoding.x.type = "ordinal";
    encoding.y.type = "ordinal";
    encoding.x.sort = "ascending";
  }
  if (encoding.x.type === "quantitative" && plot.mark === "bar") encoding.y.axis = { labelLimit: 260, title: null };
  if (plot.color) {
    encoding.color = channel(plot.color, {
      legend: { labelLimit: 300 },
      scale: kind(rows, plot.color) === "quantitative" ? { scheme: "viridis" } : { scheme: "tableau10" },
    });
  }
  if (plot.column) encoding.column = channel(plot.column, { spacing: 8 });
  const used = [...new Set(Object.keys(rows[0] ?? {}))].slice(0, 12);
  encoding.tooltip = used.map((name) => ({ field: field(name), type: kind(rows, name), title: title(name) }));
  const discrete = (c) => c.type !== "quantitative";
  const fixed = Boolean(plot.column) || (discrete(encoding.x) && plot.mark === "rect");
  return {
    data: { values: rows },
    mark: { type: plot.mark, ...(plot.mark === "line" ? { point: true } : {}) },
    encoding,
    width: fixed ? { step: 24 } : "container",
    height: discrete(encoding.y) ? { step: 18 } : 260,
    ...(plot.column ? { resolve: { scale: { x: "independent" } } } : {}),
    autosize: fixed || discrete(encoding.y) ? { type: fixed ? "pad" : "fit-x" } : { type: "fit", contains: "padding" },
    config: { font: "system-ui, sans-serif", background: "white" },
  };
}

function named(rows, plot) {
  const series = plot.series ?? {};
  if (!plot.color || Object.keys(series).length === 0) return rows;
  return rows.map((row) => ({ ...row, [plot.color]: series[row[plot.color]] ?? row[plot.color] }));
}

function table(rows, plot) {
  const element = document.createElement("table");
  element.className = "findings";
  const columns = Object.keys(rows[0] ?? {});
  const head = element.createTHead().insertRow();
  for (const name of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = plot.labels?.[name] ?? name;
    head.append(cell);
  }
  const body = element.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const name of columns) line.insertCell().textContent = row[name] ?? "";
  }
  return element;
}

async function draw(canvas, status, address, plot, got) {
  delete status.dataset.done;
  status.textContent = say("loading");
  try {
    const { rows: all, cut } = got ?? (await fetched(address));
    const rows = named(all, plot);
    if (rows.length === 0) {
      canvas.replaceChildren();
      status.textContent = say("empty");
      return null;
    }
    await vega();
    await window.vegaEmbed(canvas, specification(rows, plot), {
      ast: true,
      renderer: "svg",
      actions: { export: true, source: false, compiled: false, editor: false },
    });
    canvas.querySelector("summary")?.setAttribute("aria-label", say("export"));
    canvas.dataset.drawn = rows.length;
    status.textContent = say(cut ? "cut" : "rows", { rows: rows.length });
    return { rows, all, cut };
  } catch (error) {
    canvas.replaceChildren();
    status.textContent = say("failed", { error: error.message });
    return null;
  } finally {
    status.dataset.done = "1";
  }
}

async function dashboard() {
  for (const section of document.querySelectorAll("section.plot")) {
    const plot = JSON.parse(section.dataset.spec);
    const drawn = await draw(
      section.querySelector(".canvas"),
      section.querySelector(".status"),
      section.dataset.rows,
      plot,
    );
    if (drawn) section.querySelector(".numbers .scroll").append(table(drawn.rows, plot));
  }
}

function choice(label, options, chosen) {
  const holder = document.createElement("label");
  const select = document.createElement("select");
  for (const [value, text] of options) select.add(new Option(text, value, false, value === chosen));
  holder.append(`${say(label)} `, select);
  return { holder, select };
}

function anyQuery() {
  const links = document.querySelector(".export-links");
  const json = links?.querySelector('a[href*=".json"], a[href*="_format=json"]');
  if (!json) return;
  const address = new URL(json.href);
  if (address.origin !== location.origin) return;
  address.searchParams.set("_shape", "objects");
  if (!address.searchParams.has("_size") && !address.searchParams.has("sql")) address.searchParams.set("_size", "max");
  const box = document.createElement("details");
  box.className = "desk-plot";
  box.append(Object.assign(document.createElement("summary"), { textContent: say("open") }));
  links.after(box);
  box.addEventListener("toggle", async () => {
    if (!box.open || box.dataset.ready) return;
    box.dataset.ready = "1";
    const status = Object.assign(document.createElement("p"), { className: "status" });
    status.setAttribute("role", "status");
    const canvas = Object.assign(document.createElement("div"), { className: "canvas" });
    canvas.setAttribute("role", "group");
    canvas.setAttribute("aria-label", document.title);
    box.append(status, canvas);
    let got;
    try {
      got = await fetched(address);
    } catch (error) {
      status.textContent = say("failed", { error: error.message });
      status.dataset.done = "1";
      return;
    }
    if (got.rows.length === 0) {
      status.textContent = say("empty");
      status.dataset.done = "1";
      return;
    }
    const columns = Object.keys(got.rows[0]);
    const saved = new URLSearchParams(location.hash.slice(1));
    const known = (name) => (columns.includes(saved.get(name)) ? saved.get(name) : null);
    const quantity = columns.find((name) => kind(got.rows, name) === "quantitative" && !/_id$|^(tbl|row|cell)$/.test(name));
    const marks = ["bar", "line", "point", "area", "rect"];
    const plot = {
      mark: marks.includes(saved.get("mark")) ? saved.get("mark") : "bar",
      x: known("x") ?? (columns.includes("year") ? "year" : columns[0]),
      y: known("y") ?? quantity ?? columns[columns.length - 1],
      color: known("color"),
    };
    const controls = document.createElement("p");
    controls.className = "controls";
    const names = columns.map((name) => [name, name]);
    const inputs = {
      mark: choice("mark", marks.map((mark) => [mark, say(mark)]), plot.mark),
      x: choice("x", names, plot.x),
      y: choice("y", names, plot.y),
      color: choice("color", [["", say("none")], ...names], plot.color ?? ""),
    };
    const redraw = () => {
      for (const [name, input] of Object.entries(inputs)) plot[name] = input.select.value || null;
      const state = new URLSearchParams(Object.entries(plot).filter(([, value]) => value));
      history.replaceState(null, "", `#${state}`);
      return draw(canvas, status, address, plot, got);
    };
    for (const { holder, select } of Object.values(inputs)) {
      controls.append(holder, " ");
      select.addEventListener("change", redraw);
    }
    box.insertBefore(controls, status);
    await redraw();
  });
  if (/(^|[#&])mark=/.test(location.hash)) box.open = true;
}

// Datasette's form of filters has no labels
function labels() {
  const names = { _filter_column: "filter_column", _filter_op: "filter_op", _filter_value: "filter_value", _sort: "sort" };
  for (const [name, key] of Object.entries(names)) {
    for (const field of document.querySelectorAll(`form [name^="${name}"]`)) field.setAttribute("aria-label", say(key));
  }
}

labels();
dashboard();
anyQuery();
