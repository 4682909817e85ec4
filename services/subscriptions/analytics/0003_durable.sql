-- An insert that was answered is on the disk: its rows are marked in PostgreSQL right after, and never sent again.
alter table usage_events modify setting fsync_after_insert = 1, fsync_part_directory = 1
