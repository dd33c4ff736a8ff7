# Applications and the grant rate over the three forms: the figure of applications.ipynb, in base R.
# 依申请公开：申请数与公开率，三代表格分开画。
#
#   gongkai export --to export --format csv
#   Rscript docs/examples/applications.R export applications.pdf
#
# An empty field of `panel` says only that there is no usable number. Whether the cell was blank, a dash, words, or not
# on the page at all is in `figure$state`; 0 is a number.

arguments <- commandArgs(trailingOnly = TRUE)
export <- if (length(arguments) >= 1) arguments[1] else "export"
out <- if (length(arguments) >= 2) arguments[2] else "applications.pdf"

table_of <- function(name) {
  # ids have up to 48 bits: R reads them as doubles, which hold them exactly
  read.csv(file.path(export, paste0(name, ".csv")), encoding = "UTF-8", na.strings = "", stringsAsFactors = FALSE,
           colClasses = c(region = "character")[if (name == "panel") 1 else 0])
}
about <- readLines(file.path(export, "export.json"), encoding = "UTF-8", warn = FALSE)
version <- sub('.*"version": "([^"]*)".*', "\\1", grep('"version"', about, value = TRUE)[1])

panel <- table_of("panel")
figure <- table_of("figure")

# The four facts, of the applications received
received <- figure[figure$indicator == "applications_received" & figure$col %in% c("total", "year_total"),
                   c("report_id", "form", "value", "state")]
facts <- merge(panel[c("report_id", "form")], received, by = c("report_id", "form"), all.x = TRUE)
facts$fact <- ifelse(is.na(facts$state), "absent",
                     ifelse(facts$state == "number" & !is.na(facts$value) & facts$value == 0, "zero", facts$state))
print(table(facts$form, facts$fact))

# Granted in full or in part, over all results (2019, 2021) or all replies (2014); sums first, then the quotient
early <- panel$form %in% "v2014"
panel$granted <- ifelse(early, panel$result_agreed, panel$result_granted) + panel$result_partially_granted
panel$concluded <- ifelse(early, panel$replies_total, panel$results_total)

has <- panel[!is.na(panel$applications_received), ]
series <- aggregate(applications_received ~ form + year, data = has, FUN = sum)
series$reports <- aggregate(report_id ~ form + year, data = has, FUN = length)$report_id
both <- panel[!is.na(panel$granted) & !is.na(panel$concluded), ]
rates <- aggregate(cbind(granted, concluded) ~ form + year, data = both, FUN = sum)
series <- merge(series, rates, by = c("form", "year"), all.x = TRUE)
series$rate <- ifelse(series$concluded > 0, series$granted / series$concluded, NA)
series <- series[order(series$year), ]
print(series, row.names = FALSE)

colours <- c(v2014 = "#1f77b4", v2019 = "#ff7f0e", v2021 = "#2ca02c")
pdf(out, width = 8, height = 6)
par(mfrow = c(2, 1), mar = c(3, 5, 2, 1))
plot(series$year, series$applications_received, type = "h", lwd = 12, lend = 1, col = colours[series$form],
     ylim = c(0, 1.15 * max(series$applications_received)), xlab = "", ylab = "applications received",
     main = "Applications for government information and the grant rate")
text(series$year, series$applications_received, paste0("n=", series$reports), pos = 3, cex = 0.6)
legend("topleft", legend = names(colours), fill = colours, bty = "n", cex = 0.8)
plot(range(series$year), c(0, 100), type = "n", xlab = "", ylab = "granted in full or in part, %")
for (form in names(colours)) {
  rows <- series[series$form == form, ]
  lines(rows$year, 100 * rows$rate, type = "o", pch = 19, col = colours[form])
}
mtext(paste("gongkai, archive version", version), side = 1, line = 2, adj = 0, cex = 0.6)
invisible(dev.off())
