/*
 * What a child does between fork and exec, so that it is a process of its own:
 * a group to be stopped together, signals as a fresh process has them, and
 * nothing of its parent's terminal on its input.
 */
#ifndef HIKAE_BASE_CHILD_H
#define HIKAE_BASE_CHILD_H

/* To be called in the child only: standard output becomes `output`, standard input empty. Ends the child if it fails.
 */
void child_begin(int output);

#endif
