/**
 * PostgreSQL through libpq and `waitFd`.
 *
 * @since 0.1.0
 */
export {}
