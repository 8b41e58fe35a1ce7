ALTER TABLE `audit` ADD `account` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `detail` text;--> statement-breakpoint
-- No row is changed or taken away, by no code of ours and by no slip in a console. Rows that stand already are in the chain as they are.
CREATE TRIGGER `audit_kept` BEFORE DELETE ON `audit` BEGIN SELECT RAISE(ABORT, 'rows of the audit are kept'); END;--> statement-breakpoint
CREATE TRIGGER `audit_unchanged` BEFORE UPDATE ON `audit` BEGIN SELECT RAISE(ABORT, 'rows of the audit are kept as they are'); END;
