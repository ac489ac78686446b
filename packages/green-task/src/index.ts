/** Functions and methods that run in a greenlet. */
export {}
