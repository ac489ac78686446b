/**
 * undici itself, by its file: to the bare name Bun answers with a module of its own, which lacks most of it.
 */
export {
  Agent,
  buildConnector,
  cacheStores,
  EnvHttpProxyAgent,
  interceptors,
  ProxyAgent,
  Socks5ProxyAgent
} from "undici/index.js"
