/* A library with a thread-local variable. */
static __thread int variable[100];
int *place(void) { return variable; }
