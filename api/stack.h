/* What a waiting thread's stack costs. */
#ifndef API_STACK_H
#define API_STACK_H

/* Gives back the pages below the calling frame, which earlier, deeper calls have left behind: for
 * a thread that from here on waits, maybe for ever. Later calls get new ones. Any thread but
 * main. */
void stack_trim(void);

#endif
