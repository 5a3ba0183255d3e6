/* Doubly linked lists of records that contain their links: entering and leaving cost nothing and cannot fail. */
#ifndef MOONSCOPE_LIST_H
#define MOONSCOPE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Of a list: its ends. Of a record: its neighbours; a record in no list is its own neighbour. */
struct link {
    struct link *previous, *next;
};

static inline void link_init(struct link *link)
{
    link->previous = link->next = link;
}

static inline bool list_empty(const struct link *list)
{
    return list->next == list;
}

static inline void list_remove(struct link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link_init(link);
}

/* Moves the record to the end of a list, from wherever it was. */
static inline void list_append(struct link *list, struct link *link)
{
    list_remove(link);
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

/* The record that contains a link. */
#define LIST_RECORD(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Visits all links of a list. `after` is the next one: the body may remove `link`. */
#define LIST_EACH(list, link, after)                                                                                    \
    for (struct link *link = (list)->next, *after = link->next; link != (list); link = after, after = link->next)

/* As LIST_EACH, from the end. */
#define LIST_EACH_BACK(list, link, after)                                                                               \
    for (struct link *link = (list)->previous, *after = link->previous; link != (list);                                 \
         link = after, after = link->previous)

#endif
