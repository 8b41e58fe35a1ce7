import type { Accounts } from "../../accounts/src/index";
import type Audit from "../../audit/src/index";

interface Env {
  ACCOUNTS: Service<typeof Accounts>;
  AUDIT: Service<typeof Audit>;
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    try {
      switch (pathname) {
        case "/whoami":
          return Response.json(await env.ACCOUNTS.whoami());
        case "/deposit": {
          using account = await env.ACCOUNTS.open("alice");
          await account.deposit(10);
          await account.deposit(5);
          return Response.json({ balance: await account.balance() });
        }
        case "/pipelined":
          return Response.json({ balance: await env.ACCOUNTS.open("bob").balance() });
        case "/close":
          await env.ACCOUNTS.close("alice");
          return new Response("closed");
        case "/audit":
          return Response.json(await env.AUDIT.entries());
        default:
          return new Response("portal");
      }
    } catch (error) {
      const { name, message, code } = error as Error & { code?: string };
      return Response.json({ name, message, code }, { status: 500 });
    }
  },
} satisfies ExportedHandler<Env>;
