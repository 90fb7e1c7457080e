/* SPDX-License-Identifier: MIT */
/*
 * interwork.h - IGD towards the LAN, PCP towards the WAN (RFC 6970): the port mapping actions of a
 * router that asks a server upstream (upstream.h).
 *
 * The actions judge what they are asked for as everywhere; what is left is asked upstream and comes
 * into the table when the server has granted it. interwork_* functions that take a call return
 * SOAP_LATER, or an error code at once.
 */
#ifndef FAKEIGD_INTERWORK_H
#define FAKEIGD_INTERWORK_H

#include "portmap.h"
#include "soap.h"

struct interwork;

/** interwork_new() - NULL when the profile names nobody upstream. */
struct interwork *interwork_new(struct router *r);
void interwork_free(struct interwork *w);
/** interwork_reset() - forget every mapping upstream without a word, and every request on its way;
 * as a router does that loses power. @w may be NULL, as in all that follow. */
void interwork_reset(struct interwork *w);
/** interwork_is_on() - whether there is a server to ask now (RFC 6970 5.1, IWF-24). Where there is
 * none the actions are those of a router without interworking. */
bool interwork_is_on(struct interwork *w);
/**
 * interwork_add() - ask for a mapping, and put it into the table once it is granted
 * @m:		judged and free of conflicts; copied
 * @any:	AddAnyPortMapping: any other external port will do (5.6.1); else that one or none
 * (5.6.2)
 */
int interwork_add(struct soap_call *call, const struct mapping *m, bool any);
/** interwork_holds() - whether the server was asked for that entry, so that it has to be told of
 * its end. */
bool interwork_holds(const struct interwork *w, const struct mapping *m);
/**
 * interwork_delete() - delete entries upstream, one request each, and then here (5.8)
 * @all:	at least one that interwork_holds(); copied; entries that the server does not know
 *		go with them
 */
int interwork_delete(struct soap_call *call, const struct mapping *const *all, size_t count);
/** interwork_probe() - whether a port that is not in the table is free upstream (5.7): 714 if it
 * is. */
int interwork_probe(struct soap_call *call, uint16_t port, int protocol);
/** interwork_external() - GetExternalIPAddress (4.1, IWF-18): 0 when it is answered at once. */
int interwork_external(struct soap_call *call);
/** interwork_address() - the external address of the last answer of all, "" before any. */
void interwork_address(const struct interwork *w, struct buf *out);
/** interwork_forget() - an entry leaves the table for whatever reason: the server is told. */
void interwork_forget(struct interwork *w, const struct mapping *m);

#endif
