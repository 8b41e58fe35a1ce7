CREATE TABLE `generations` (
	`generation` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`verb` text NOT NULL,
	`changes` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `revisions` (
	`grp` text NOT NULL,
	`kind` text NOT NULL,
	`namespace` text NOT NULL,
	`name` text NOT NULL,
	`generation` integer NOT NULL,
	`type` text NOT NULL,
	`json` text,
	PRIMARY KEY(`grp`, `kind`, `namespace`, `name`, `generation`)
);
--> statement-breakpoint
CREATE INDEX `revisions_generation` ON `revisions` (`generation`);--> statement-breakpoint
ALTER TABLE `changes` ADD `previous_labels` text;--> statement-breakpoint
ALTER TABLE `meta` ADD `compacted` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
-- Until now the change log was kept whole: every generation is in it.
INSERT INTO `generations` (`generation`, `at`, `actor`, `verb`, `changes`)
SELECT c.`generation`, max(c.`at`),
  coalesce((SELECT a.`actor` FROM `audit` a WHERE a.`generation` = c.`generation` ORDER BY a.`id` LIMIT 1), ''),
  coalesce((SELECT a.`verb` FROM `audit` a WHERE a.`generation` = c.`generation` ORDER BY a.`id` LIMIT 1), ''),
  count(DISTINCT c.`grp` || '/' || c.`kind` || '/' || c.`namespace` || '/' || c.`name`)
FROM `changes` c WHERE c.`generation` > 0 GROUP BY c.`generation`;
--> statement-breakpoint
INSERT OR REPLACE INTO `revisions` (`grp`, `kind`, `namespace`, `name`, `generation`, `type`, `json`)
SELECT `grp`, `kind`, `namespace`, `name`, `generation`, `type`,
  CASE `type` WHEN 'DELETED' THEN NULL ELSE json_remove(`json`, '$.status', '$.metadata.managedFields', '$.metadata.resourceVersion', '$.metadata.generation', '$.metadata.uid', '$.metadata.creationTimestamp') END
FROM `changes` WHERE `generation` > 0 ORDER BY `rv`;
