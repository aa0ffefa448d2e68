export { metadataStoreContract, type StoreUnderTest } from "./metadata-store-contract.ts";
