// Intrusive ordered tree, a treap: a binary search tree by key that is also a heap by random
// priority, so its expected depth is O(log n) whatever the order of insertion. Short to read and
// enough for regions, timers and programs.
// Source: Aragon and Seidel, "Randomized Search Trees" (1989).
#pragma once

#include <cstdint>

#include "lib/assert.h"

namespace cairn {

template <class T>
struct TreeLink {
  T* left = nullptr;
  T* right = nullptr;
  uint32_t priority = 0;  // 0: not in a tree
};

/// xorshift: priorities need no more than to look random.
inline uint32_t next_tree_priority() {
  static constinit uint32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

/// No augmentation: nodes keep nothing about their subtrees.
struct NoSummary {
  template <class T>
  static void update(T&) {}
};

/// `kKey(node)` orders the nodes and is unique in the tree. `Summary::update(node)` is called
/// bottom-up whenever a node's subtree changed. Locks: the caller's.
template <class T, TreeLink<T> T::*kLink, auto kKey, class Summary = NoSummary>
class Tree {
 public:
  using Key = decltype(kKey(*static_cast<const T*>(nullptr)));

  constexpr Tree() = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  bool empty() const { return root_ == nullptr; }
  T* root() const { return root_; }

  void insert(T& node) {
    ASSERT((node.*kLink).priority == 0);
    node.*kLink = {nullptr, nullptr, next_tree_priority() | 1};
    T* left;
    T* right;
    split(root_, kKey(node), left, right);
    Summary::update(node);
    root_ = merge(merge(left, &node), right);
  }

  void remove(T& node) {
    ASSERT((node.*kLink).priority != 0);
    root_ = remove_below(root_, node);
    node.*kLink = {};
  }

  /// Re-establishes the summaries on the path to `node` after its own fields changed.
  void refresh(T& node) { refresh_below(root_, node); }

  T* first() const {
    T* at = root_;
    while (at != nullptr && link(at).left != nullptr) at = link(at).left;
    return at;
  }
  /// The first node whose key is >= `key`, or null.
  T* lower_bound(Key key) const {
    T* best = nullptr;
    for (T* at = root_; at != nullptr;) {
      if (kKey(*at) < key) {
        at = link(at).right;
      } else {
        best = at;
        at = link(at).left;
      }
    }
    return best;
  }
  /// The last node whose key is <= `key`, or null.
  T* at_or_before(Key key) const {
    T* best = nullptr;
    for (T* at = root_; at != nullptr;) {
      if (key < kKey(*at)) {
        at = link(at).left;
      } else {
        best = at;
        at = link(at).right;
      }
    }
    return best;
  }
  /// The node after `node` in key order, or null.
  T* next(const T& node) const {
    T* best = nullptr;
    for (T* at = root_; at != nullptr;) {
      if (kKey(node) < kKey(*at)) {
        best = at;
        at = link(at).left;
      } else {
        at = link(at).right;
      }
    }
    return best;
  }

 private:
  static TreeLink<T>& link(T* node) { return node->*kLink; }

  /// Splits `at` into the nodes below `key` and the others.
  static void split(T* at, Key key, T*& left, T*& right) {
    if (at == nullptr) {
      left = right = nullptr;
    } else if (kKey(*at) < key) {
      split(link(at).right, key, link(at).right, right);
      left = at;
      Summary::update(*at);
    } else {
      split(link(at).left, key, left, link(at).left);
      right = at;
      Summary::update(*at);
    }
  }
  /// Joins two trees; every key of `left` is below every key of `right`.
  static T* merge(T* left, T* right) {
    if (left == nullptr) return right;
    if (right == nullptr) return left;
    if (link(left).priority > link(right).priority) {
      link(left).right = merge(link(left).right, right);
      Summary::update(*left);
      return left;
    }
    link(right).left = merge(left, link(right).left);
    Summary::update(*right);
    return right;
  }
  static T* remove_below(T* at, T& node) {
    ASSERT(at != nullptr);
    if (at == &node) return merge(link(at).left, link(at).right);
    if (kKey(node) < kKey(*at)) {
      link(at).left = remove_below(link(at).left, node);
    } else {
      link(at).right = remove_below(link(at).right, node);
    }
    Summary::update(*at);
    return at;
  }
  static void refresh_below(T* at, T& node) {
    ASSERT(at != nullptr);
    if (at != &node) {
      refresh_below(kKey(node) < kKey(*at) ? link(at).left : link(at).right, node);
    }
    Summary::update(*at);
  }

  T* root_ = nullptr;
};

}  // namespace cairn
