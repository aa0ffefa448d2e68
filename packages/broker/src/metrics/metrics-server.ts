/** `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever restarts or routes to the process. */
import { createServer, type Server } from "node:http";
import type { BrokerMetrics } from "./broker-metrics.ts";

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export class MetricsServer {
  readonly #server: Server;
  readonly #host: string;

  constructor(metrics: BrokerMetrics, host: string) {
    this.#host = host;
    this.#server = createServer((request, response) => {
      const answer = (status: number, body: string) => {
        response.writeHead(status, { "content-type": CONTENT_TYPE }).end(body);
      };
      const path = (request.url ?? "/").split("?")[0];
      if (request.method !== "GET" && request.method !== "HEAD") {
        answer(405, "only GET\n");
      } else if (path === "/metrics") {
        metrics.render().then(
          (body) => answer(200, body),
          (cause: unknown) => answer(500, `${String(cause)}\n`),
        );
      } else if (path === "/healthz") {
        answer(200, "ok\n");
      } else if (path === "/readyz") {
        // Started after the listeners and closed before them: whoever is answered at all can use them.
        const isReady = !metrics.isStorageFailing;
        answer(isReady ? 200 : 503, isReady ? "ready\n" : "storage fails\n");
      } else {
        answer(404, "try /metrics, /healthz or /readyz\n");
      }
    });
  }

  /** Resolves to the port bound. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host: this.#host }, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
