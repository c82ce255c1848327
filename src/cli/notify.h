/*
 * Telling the service manager how we are: datagrams to $NOTIFY_SOCKET as
 * sd_notify(3) describes them, without its library. Where there is no such
 * socket, nothing happens.
 */
#ifndef HIKAE_CLI_NOTIFY_H
#define HIKAE_CLI_NOTIFY_H

/* "READY=1", "WATCHDOG=1\nSTATUS=…", "STOPPING=1". That nobody listens is no failure. */
void notify_send(const char *message);

#endif
