/** Where this runs, as far as descriptors are concerned. Bun and Deno look like Node, and are not. */
export const isDeno = "Deno" in globalThis
export const isNode = process.versions["bun"] === undefined && !isDeno
