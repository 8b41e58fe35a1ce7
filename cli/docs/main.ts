import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openApiDocument } from "../../src/api/openapi.ts";
import { tulleProgram } from "../tulle/program.ts";
import { apiPage } from "./api-page.ts";
import { checksPage } from "./checks-page.ts";
import { cliPage } from "./cli-page.ts";
import { findingsPage } from "./findings-page.ts";
import { meshFilePage } from "./mesh-file-page.ts";
import { meshFileSchema } from "./mesh-file-schema.ts";

const DOCS = join(import.meta.dirname, "../../docs");

writeFileSync(join(DOCS, "api.md"), apiPage(openApiDocument()));
writeFileSync(join(DOCS, "cli.md"), cliPage(tulleProgram()));
writeFileSync(join(DOCS, "findings.md"), findingsPage());
writeFileSync(join(DOCS, "mesh-file.md"), meshFilePage(meshFileSchema()));
writeFileSync(join(DOCS, "../tulle.schema.json"), `${JSON.stringify(meshFileSchema(), null, 2)}\n`);
writeFileSync(join(DOCS, "checks.md"), checksPage());
