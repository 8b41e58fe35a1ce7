-- The one row of counters: writes update it and are guarded by it.
INSERT INTO meta (id, rv, generation, writer) VALUES (1, 0, 0, '');
