// npm runs this before it packs or publishes the checkout itself, whose files only run with the checkout's own tools; and, by
// its name, before `npm run pack`.
import process from "node:process";

if (!["run", "run-script"].includes(process.env.npm_command)) {
  process.stderr.write(
    "error: the checkout is no package: `npm run pack` builds it, and writes dist/tulle-VERSION.tgz\n",
  );
  process.exitCode = 1;
}
