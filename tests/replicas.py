"""Every family's replicas, each with the portal that a contributor would write for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from crawler.replica import hanweb_jcms, hanweb_ways, plain, trs_wcm, ucap, vsb
from crawler.replica.county import COUNTY, CountySite
from crawler.replica.epoint_ewb import EpointEwbSite
from crawler.replica.gd_gkmlpt import GdGkmlptSite
from crawler.replica.gd_nfcms import GdNfcmsSite
from crawler.replica.hanweb_jcms import HanwebJcmsSite
from crawler.replica.hanweb_jpaas import HanwebJpaasSite
from crawler.replica.hanweb_xxgk import HanwebXxgkListSite, HanwebXxgkSite
from crawler.replica.ideacms import IdeacmsSite
from crawler.replica.lonsun import LonsunColumnSite, LonsunSite
from crawler.replica.site import Site
from crawler.replica.sx_snowflake import SxSnowflakeSite
from crawler.replica.traps import FamilySite
from crawler.replica.truecms import TruecmsSite

FAMILY_SITES: tuple[type[FamilySite], ...] = (
    EpointEwbSite,
    GdGkmlptSite,
    GdNfcmsSite,
    HanwebJpaasSite,
    HanwebXxgkListSite,
    HanwebXxgkSite,
    IdeacmsSite,
    LonsunColumnSite,
    LonsunSite,
    SxSnowflakeSite,
    TruecmsSite,
)
COUNTY_SITES: tuple[tuple[str, type[CountySite], str], ...] = (
    ("hanweb-jcms", hanweb_ways.HanwebWaysSite, hanweb_ways.COLUMN_PATH),
    ("plain", plain.PlainSite, plain.COLUMN_PATH),
    ("trs-wcm", trs_wcm.TrsWcmSite, trs_wcm.COLUMN_PATH),
    ("ucap", ucap.UcapSite, ucap.COLUMN_PATH),
    ("vsb", vsb.VsbSite, vsb.COLUMN_PATH),
)


class Replica(NamedTuple):
    """A site, bound to its port and not yet serving, and its portal: family, column, place and its code."""

    site: HanwebJcmsSite | CountySite | FamilySite
    family: str
    column: str
    place: str
    region: str

    def table(self, key: str) -> str:
        """The portal as a contributor would write it."""
        url = f"{self.site.url}{self.column}"
        settings = {"name": f"{self.place}人民政府", "region": self.region, "family": self.family, "url": url}
        return f"[{key}]\n" + "".join(f'{name} = "{value}"\n' for name, value in settings.items())


def every(years: tuple[int, ...] = (2022,), copies: int = 1) -> dict[str, Replica]:
    """A replica for each kind of portal of each family, by key, some of them several times.

    `years` are those of the largest, hanweb-jcms, of which there is one; of gd-gkmlpt too, since copies of it would
    link to one and the same other site.
    """
    made: dict[str, Replica] = {}
    jcms = HanwebJcmsSite(years=years)
    made["hanweb-jcms"] = Replica(jcms, "hanweb-jcms", hanweb_jcms.COLUMN_PATH, "衢州市衢江区", "330803")
    for copy in range(copies):
        for family, county, column in COUNTY_SITES:
            made[_key(family, made)] = Replica(county(), family, column, COUNTY, "330825")
        for kind in FAMILY_SITES:
            if not (copy and kind is GdGkmlptSite):
                site = kind()
                made[_key(site.family, made)] = Replica(site, site.family, site.column, site.place, site.region)
    return made


def _key(family: str, made: Mapping[str, Replica]) -> str:
    return next(key for key in (family, *(f"{family}-{n}" for n in range(2, 100))) if key not in made)


def write_portals(replicas: Mapping[str, Replica], path: Path) -> None:
    """Write the replicas' portals into a file."""
    path.write_text("\n".join(replica.table(key) for key, replica in replicas.items()), encoding="utf-8")


def sites(replicas: Mapping[str, Replica]) -> list[Site]:
    """The sites alone."""
    return [replica.site for replica in replicas.values()]
