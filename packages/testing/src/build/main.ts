/** `npm run build`. */
import { buildPackages } from "./build.ts";

await buildPackages();
