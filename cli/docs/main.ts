import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openApiDocument } from "../../src/api/openapi.ts";
import { tulleProgram } from "../tulle/program.ts";
import { apiPage } from "./api-page.ts";
import { cliPage } from "./cli-page.ts";
import { findingsPage } from "./findings-page.ts";

const DOCS = join(import.meta.dirname, "../../docs");

writeFileSync(join(DOCS, "api.md"), apiPage(openApiDocument()));
writeFileSync(join(DOCS, "cli.md"), cliPage(tulleProgram()));
writeFileSync(join(DOCS, "findings.md"), findingsPage());
