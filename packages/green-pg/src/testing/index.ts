/**
 * What tests of programs that use PostgreSQL need.
 *
 * @since 0.1.0
 */
export {}
