/** Deletes access rules, of which a broker without an authorizer has none. */
import { deleteAcls, errorCode } from "@ottla/protocol";
import { handler } from "../handler.ts";

const SECURITY_DISABLED = errorCode("SECURITY_DISABLED");

export const deleteAclsHandler = handler({
  api: deleteAcls,
  handle: (_context, { filters }) => ({
    filterResults: filters.map(() => ({
      errorCode: SECURITY_DISABLED,
      errorMessage: "No Authorizer is configured.",
      matchingAcls: [],
    })),
  }),
});
