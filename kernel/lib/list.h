// Intrusive doubly linked list: List<Thread, &Thread::run_link>. Nothing is allocated, every
// operation but size() is O(1), and an element is in at most one list a link.
#pragma once

#include "lib/assert.h"

namespace cairn {

struct ListLink {
  ListLink* next = nullptr;
  ListLink* previous = nullptr;

  constexpr bool linked() const { return next != nullptr; }
  void unlink() {
    next->previous = previous;
    previous->next = next;
    next = previous = nullptr;
  }
};

template <class T, ListLink T::*kLink>
class List {
 public:
  // The head links to itself when empty; constinit lists start with null links and are empty too.
  constexpr List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next == nullptr || head_.next == &head_; }
  T* front() { return empty() ? nullptr : owner(head_.next); }
  /// The item after one that is in the list; null after the last.
  T* next(T& item) {
    ListLink* link = (item.*kLink).next;
    return link == &head_ ? nullptr : owner(link);
  }

  /// Whether it holds this item and no other.
  bool holds_only(const T& item) { return front() == &item && next(*front()) == nullptr; }

  void push_back(T& item) { insert_before(head(), item.*kLink); }
  void push_front(T& item) { insert_before(*head().next, item.*kLink); }
  /// Moves all items of another list behind those of this one.
  void append(List& other) {
    if (other.empty()) return;
    ListLink &from = other.head_, &end = head();
    from.next->previous = end.previous;
    end.previous->next = from.next;
    from.previous->next = &end;
    end.previous = from.previous;
    from.next = from.previous = &from;
  }
  T* pop_front() {
    T* item = front();
    if (item != nullptr) (item->*kLink).unlink();
    return item;
  }
  /// For walks that start with null: the first item, or the one after `previous`. Null at the end.
  T* next_after(const T* previous) {
    return previous == nullptr ? front() : next(const_cast<T&>(*previous));
  }
  static void remove(T& item) {
    if ((item.*kLink).linked()) (item.*kLink).unlink();
  }

  class Iterator {
   public:
    explicit Iterator(ListLink* at) : at_(at), next_(at->next) {}
    T& operator*() const { return *owner(at_); }
    // The successor is read first, so that the loop's body may remove the current item.
    Iterator& operator++() {
      at_ = next_;
      next_ = at_->next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    ListLink* at_;
    ListLink* next_;
  };
  Iterator begin() { return Iterator(head().next); }
  Iterator end() { return Iterator(&head()); }

 private:
  ListLink& head() {
    if (head_.next == nullptr) head_.next = head_.previous = &head_;
    return head_;
  }
  static void insert_before(ListLink& position, ListLink& link) {
    ASSERT(!link.linked());
    link.previous = position.previous;
    link.next = &position;
    position.previous->next = &link;
    position.previous = &link;
  }
  static T* owner(ListLink* link) {
    // offsetof for a member pointer: where the link would be in a T at a fixed, aligned address.
    const auto base = alignof(T) * 16;
    auto offset = reinterpret_cast<uintptr_t>(&(reinterpret_cast<T*>(base)->*kLink)) - base;
    return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(link) - offset);
  }

  ListLink head_;
};

}  // namespace cairn
