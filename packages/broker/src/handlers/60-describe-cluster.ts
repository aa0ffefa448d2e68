/** Describes the brokers of the cluster (KIP-700). v1: endpoint type; v2: fenced brokers, of which there are none. */
import { describeCluster, errorCode } from "@ottla/protocol";
import { handler } from "../handler.ts";
import { ALL_CLUSTER_OPERATIONS, NOT_ASKED } from "./03-metadata.ts";

const BROKERS = 1;
const CONTROLLERS = 2;
const MISMATCHED_ENDPOINT_TYPE = errorCode("MISMATCHED_ENDPOINT_TYPE");
const UNSUPPORTED_ENDPOINT_TYPE = errorCode("UNSUPPORTED_ENDPOINT_TYPE");

export const describeClusterHandler = handler({
  api: describeCluster,

  handle(context, request) {
    const { cluster, store } = context.services;
    const { endpointType } = request;
    if (endpointType !== BROKERS) {
      const isKnown = endpointType === CONTROLLERS;
      return {
        errorCode: isKnown ? MISMATCHED_ENDPOINT_TYPE : UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: isKnown
          ? "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
          : `Unsupported endpoint type ${endpointType}`,
        clusterId: "",
        brokers: [],
      };
    }
    return {
      errorCode: 0,
      clusterId: store.image.clusterId,
      controllerId: cluster.controller.id,
      brokers: cluster.brokers.map((broker) => {
        const { host, port } = cluster.endpoint(broker, context.connection.listenerName);
        return { brokerId: broker.id, host, port, rack: broker.rack };
      }),
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? ALL_CLUSTER_OPERATIONS
        : NOT_ASKED,
    };
  },
});
