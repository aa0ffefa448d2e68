/** Ends a delegation token, which nobody may who came over a connection without authentication. */
import { expireDelegationToken } from "@ottla/protocol";
import { handler } from "../handler.ts";
import { REQUEST_NOT_ALLOWED } from "./38-create-delegation-token.ts";

export const expireDelegationTokenHandler = handler({
  api: expireDelegationToken,
  handle: () => ({ errorCode: REQUEST_NOT_ALLOWED, expiryTimestampMs: -1 }),
});
