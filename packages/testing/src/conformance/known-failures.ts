/**
 * Cases of other people's suites that Ottla does not pass, each with its reason. A case that fails and is not here fails the run; so does
 * one that is here and passes.
 */
export const KNOWN_FAILURES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "kafka-python": {
    "test.integration.test_admin_integration.test_create_describe_delete_acls":
      "Access control comes with the security milestone.",
  },
};
