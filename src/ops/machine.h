/* Which machine this is, without telling its machine-id to anybody. */
#ifndef HIKAE_OPS_MACHINE_H
#define HIKAE_OPS_MACHINE_H

enum { MACHINE_ID_SIZE = 33 };

/*
 * 32 hexadecimal digits: an HMAC under the machine-id (machine-id(5): it must not be exposed, but may be hashed so), or
 * of the host's name where there is none. Returns out.
 */
char *machine_id(char out[MACHINE_ID_SIZE]);

#endif
