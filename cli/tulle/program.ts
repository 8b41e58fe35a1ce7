import { Command, Option } from "commander";
import { VERSION } from "../../project/built.ts";
import { addAgent } from "./agent.ts";
import { addAnalyze } from "./analyze.ts";
import { addAudit } from "./audit.ts";
import { addApply } from "./apply.ts";
import { addCa } from "./ca.ts";
import { addCert } from "./certificates.ts";
import { addCheck } from "./check.ts";
import { usageError } from "./command-error.ts";
import { addCompletion } from "./completion.ts";
import { addDashboard } from "./dashboard.ts";
import { addDecide } from "./decide.ts";
import { addExplain } from "./explain.ts";
import { addInit } from "./init.ts";
import { addDeploy } from "./deploy.ts";
import { addDescribe } from "./describe.ts";
import { addDev } from "./dev.ts";
import { addFault } from "./faults.ts";
import { addKey } from "./keys.ts";
import { addLimits } from "./limits.ts";
import { addLogin } from "./login.ts";
import { addMode } from "./mode.ts";
import { dnsLabel, type GlobalOptions, positiveDuration } from "./options.ts";
import { complain, FORMATS, print, printStructured } from "./output.ts";
import { addQuery } from "./query.ts";
import { addRevisions, addRollback } from "./revisions.ts";
import { addStatus } from "./status.ts";
import { addTail } from "./tail.ts";
import { addToken } from "./tokens.ts";
import { addTop } from "./top.ts";
import { addEdges, addStat } from "./traffic.ts";

/**
 * All commands. Nothing runs before it is told to parse; and what knows every kind, which takes longer to load than most commands
 * take, is loaded by those that need it.
 */
export function tulleProgram(): Command {
  const program = new Command("tulle")
    .description(
      "a service mesh for Cloudflare Workers: run, deploy and check it, apply policies, make tokens and certificates",
    )
    .option("--kubeconfig <file>", "whom to talk to (default: $TULLE_KUBECONFIG, $KUBECONFIG, .tulle/kubeconfig)")
    .option("--context <name>", "a context of the kubeconfig (default: its current one)")
    .addOption(
      new Option("--server <url>", "control's URL, in place of a kubeconfig").conflicts(["kubeconfig", "context"]),
    )
    .option("--token-file <file>", "holds the token to send")
    .option("--ca-file <file>", "holds the certificate to trust, PEM")
    .option("-n, --namespace <name>", "the namespace of what names none (default: the context's)", dnsLabel)
    .addOption(new Option("-o, --output <format>", "how to print").choices(FORMATS).default("table"))
    .addOption(new Option("--timeout <duration>", "for each answer").default(30_000, "30s").argParser(positiveDuration))
    .option("--no-color", "no colour, as with NO_COLOR=1")
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text) => complain("error", lowered(text)) })
    .exitOverride()
    .hook("preAction", (_, command) => {
      const { output, color } = command.optsWithGlobals<GlobalOptions & { color: boolean }>();
      if (!color) {
        process.env["NO_COLOR"] = "1";
        delete process.env["FORCE_COLOR"];
      }
      const makesToken =
        command.name() === "login" ||
        (command.parent?.name() === "token" && ["create", "bootstrap"].includes(command.name()));
      if (output === "kubeconfig" && !makesToken)
        throw usageError(
          "`-o kubeconfig` is for `tulle login`, `tulle token create` and `tulle token bootstrap`; use table, json or yaml",
        );
      if ((output === "text" || output === "sarif") && command.name() !== "analyze")
        throw usageError(`\`-o ${output}\` is for \`tulle analyze\`; use table, json or yaml`);
    })
    .addHelpText("after", "\nExample:\n  $ tulle dev            # in another terminal\n  $ tulle status");

  addInit(program);
  addDev(program);
  addDeploy(program);
  addApply(program);
  addAnalyze(program);
  addStatus(program);
  addDashboard(program);
  addStat(program);
  addEdges(program);
  addTop(program);
  addQuery(program);
  addCheck(program);
  addMode(program);
  addExplain(program);
  addDecide(program);
  addDescribe(program);
  addTail(program);
  addLimits(program);
  addFault(program);
  addRevisions(program);
  addRollback(program);
  addToken(program);
  addKey(program);
  addLogin(program);
  addAudit(program);
  addCert(program);
  addCa(program);
  addAgent(program);
  addCompletion(program);
  program
    .command("version")
    .description("print this program's version")
    .addHelpText("after", "\nExample:\n  $ tulle version -o json")
    .action(async (_: unknown, command: Command) => {
      const { output } = command.optsWithGlobals<GlobalOptions>();
      if (!(await printStructured(output, { version: VERSION }))) print(VERSION);
    });
  return program;
}

/** As the parser words its errors, in our words' form. */
function lowered(text: string): string {
  return text
    .trim()
    .replace(/^error: /, "")
    .replaceAll("'", "`");
}
