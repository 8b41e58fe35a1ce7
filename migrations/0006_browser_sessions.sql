CREATE TABLE `browser_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`code_hash` text,
	`hash` text,
	`account` text NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `browser_sessions_code` ON `browser_sessions` (`code_hash`);--> statement-breakpoint
CREATE UNIQUE INDEX `browser_sessions_hash` ON `browser_sessions` (`hash`);