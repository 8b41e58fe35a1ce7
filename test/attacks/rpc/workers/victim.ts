interface Env {
  readonly ORDERS: { add(a: number, b: number): Promise<number> };
  readonly WATCH: { taken(): Promise<readonly string[]> };
}

/** Another caller: tells what an attempt reached, and whether it still gets a right answer itself. */
export default {
  async fetch(_: Request, { ORDERS, WATCH }: Env): Promise<Response> {
    const reached = await WATCH.taken();
    const sum = await ORDERS.add(2, 3).catch(String);
    await WATCH.taken();
    return Response.json({ reached, sum });
  },
};
