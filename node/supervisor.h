/*
 * The main thread's work: starts and stops the other threads in order, waits for signals, owns the
 * configuration and rebuilds listeners when it changes.
 *
 * Order of start: store, node, reader, mesh, api. Of stop: mesh (BYE), api (answers), reader, node
 * (last commit, checkpoint): whoever is asked outlives whoever asks.
 */
#ifndef NODE_SUPERVISOR_H
#define NODE_SUPERVISOR_H

struct supervisor_options {
    const char *config_path;
    const char *data_dir;   /* NULL = as configured */
    const char *log_format; /* NULL = as configured */
    const char *web_dir;    /* the page's files are read from there; NULL = the embedded ones */
};

/* Runs a central until SIGTERM or SIGINT. Returns the exit status (sysexits; 0 after a polite
 * stop). Main thread, before any other exists. */
int supervisor_run(const struct supervisor_options *options);

#endif
