/** Lists access rules, of which a broker without an authorizer has none. */
import { describeAcls, errorCode } from "@ottla/protocol";
import { handler } from "../handler.ts";

const SECURITY_DISABLED = errorCode("SECURITY_DISABLED");

export const describeAclsHandler = handler({
  api: describeAcls,
  handle: () => ({
    errorCode: SECURITY_DISABLED,
    errorMessage: "No Authorizer is configured on the broker",
    resources: [],
  }),
});
