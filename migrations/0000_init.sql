CREATE TABLE `audit` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`verb` text NOT NULL,
	`targets` text NOT NULL,
	`generation` integer NOT NULL,
	`previous` text NOT NULL,
	`hash` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `changes` (
	`rv` integer PRIMARY KEY NOT NULL,
	`generation` integer NOT NULL,
	`type` text NOT NULL,
	`grp` text NOT NULL,
	`kind` text NOT NULL,
	`namespace` text NOT NULL,
	`name` text NOT NULL,
	`json` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `changes_generation` ON `changes` (`generation`);--> statement-breakpoint
CREATE TABLE `deployments` (
	`gateway` text PRIMARY KEY NOT NULL,
	`props` text NOT NULL,
	`registration` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `meta` (
	`id` integer PRIMARY KEY NOT NULL,
	`rv` integer NOT NULL,
	`generation` integer NOT NULL,
	`writer` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `objects` (
	`grp` text NOT NULL,
	`kind` text NOT NULL,
	`namespace` text NOT NULL,
	`name` text NOT NULL,
	`rv` integer NOT NULL,
	`json` text NOT NULL,
	PRIMARY KEY(`grp`, `kind`, `namespace`, `name`)
);
--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`hash` text NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`namespace` text,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_hash` ON `tokens` (`hash`);