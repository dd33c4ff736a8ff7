"""One SQLite file that holds the evidence and everything read from it.

On disk, for an archive at `gongkai.db`:

    gongkai.db        the archive: `application_id` 0x67676b31 ("ggk1"), `user_version` the schema's version
    gongkai.db-wal    changes not yet moved into the file; belongs to it while a process has it open
    gongkai.db-shm    index of the -wal file
    gongkai.db.lock   held (flock) by the one process that writes; holds that process' id, and the newest capture that
                      was acknowledged, so that a -wal file that was cut or left behind is noticed; safe to leave behind
    gongkai.db.new    an archive that is being created; renamed when complete, deleted by the next attempt

Evidence, append-only: `crawl`, `visit`, `entry`, `capture`, `body` (bytes under their SHA-256: zstd frames with
checksum and size, most of them with another body as raw dictionary), `fixity`; and `portal`, the registry as last used.
Derived, rebuilt by `reparse` from the bodies of every report capture: `reading`, `region`, `agency`, `form`,
`indicator`, `form_column`, `report`, `section`, `claim`, `revision`, `version`, `twin`, `listed`, `duty`,
`looked_before`, `panel_sum`, `finding_count`, `alike`, `prose`, `prose_band`, `search`, `search_doc`; the coded tables
`figure_code`, `figure_data`, `check_code`, `check_data`, `across_data`, `finding_data`, `panel_data`; `layout`, the
digest of what they look like. Tables named `shadow_*` are a rebuild that has not finished; the next `reparse` goes on
with them. Views: `figure` and `finding`, which decode the coded tables, and over them `figures`, `panel`, `coverage`,
`findings`,
`revisions`; `panel_cells`.
`_sqlite_migrations` is sqlite-utils' record of the schema's versions.

Modules: `store` is the one that writes; `schema` and `views` say what there is; `docs/design.md` is the contract.
"""
