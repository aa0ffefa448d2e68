/** Creates access rules, which a broker without an authorizer refuses. */
import { createAcls, errorCode } from "@ottla/protocol";
import { handler } from "../handler.ts";

const SECURITY_DISABLED = errorCode("SECURITY_DISABLED");

export const createAclsHandler = handler({
  api: createAcls,
  handle: (_context, { creations }) => ({
    results: creations.map(() => ({
      errorCode: SECURITY_DISABLED,
      errorMessage: "No Authorizer is configured.",
    })),
  }),
});
