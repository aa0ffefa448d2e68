/** Creates a delegation token, which nobody may who came over a connection without authentication. v3: on behalf of an owner. */
import { createDelegationToken, errorCode } from "@ottla/protocol";
import { handler } from "../handler.ts";

export const REQUEST_NOT_ALLOWED = errorCode("DELEGATION_TOKEN_REQUEST_NOT_ALLOWED");
const FIRST_VERSION_WITH_OWNERS = 3;
const NOBODY = { principalType: "", principalName: "" };
const ANONYMOUS = { principalType: "User", principalName: "ANONYMOUS" };

export const createDelegationTokenHandler = handler({
  api: createDelegationToken,

  handle({ version }, { ownerPrincipalType, ownerPrincipalName }) {
    const named =
      ownerPrincipalType && ownerPrincipalName
        ? { principalType: ownerPrincipalType, principalName: ownerPrincipalName }
        : ANONYMOUS;
    const isNamed = version >= FIRST_VERSION_WITH_OWNERS;
    const requester = isNamed ? ANONYMOUS : NOBODY;
    return {
      errorCode: REQUEST_NOT_ALLOWED,
      ...(isNamed ? named : ANONYMOUS),
      tokenRequesterPrincipalType: requester.principalType,
      tokenRequesterPrincipalName: requester.principalName,
      issueTimestampMs: -1,
      expiryTimestampMs: -1,
      maxTimestampMs: -1,
      tokenId: "",
      hmac: Buffer.alloc(0),
    };
  },
});
