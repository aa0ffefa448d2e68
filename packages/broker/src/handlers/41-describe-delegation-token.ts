/** Lists delegation tokens, which nobody may who came over a connection without authentication. */
import { describeDelegationToken } from "@ottla/protocol";
import { handler } from "../handler.ts";
import { REQUEST_NOT_ALLOWED } from "./38-create-delegation-token.ts";

export const describeDelegationTokenHandler = handler({
  api: describeDelegationToken,
  handle: () => ({ errorCode: REQUEST_NOT_ALLOWED, tokens: [] }),
});
