CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`hash` text NOT NULL,
	`once` text,
	`issuer` text NOT NULL,
	`audience` text NOT NULL,
	`subject` text NOT NULL,
	`claims` text NOT NULL,
	`wish` text,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_hash` ON `sessions` (`hash`);--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_once` ON `sessions` (`once`);