import { playCall } from "../../workers/gateway/prime.ts";

/** Where neither I/O nor random numbers are to be had. */
const played = playCall();

export default {
  fetch(): Response {
    return new Response(played);
  },
};
