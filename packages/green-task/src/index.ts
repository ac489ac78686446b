/** Functions and methods that run in a greenlet. */
// oxlint-disable-next-line unicorn/require-module-specifiers -- nothing yet
export {}
