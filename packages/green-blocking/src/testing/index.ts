/**
 * Tests of blocking code.
 *
 * @since 0.1.0
 */
export { move } from "../Cloneable.ts"
