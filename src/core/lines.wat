;; Newlines (0x0A) in a range of a memory that the caller owns. Assembled into lines-wasm.ts; a test checks that both agree.
;;
;; Offsets are f64 outside, so that 2^32 (the end of 4 GiB) and -1 (none) are plain numbers, and i64 inside, so that no compare
;; wraps: an offset below 2^32 becomes an address by i32.wrap_i64. Every load lies within [from, to).
(module
  (import "env" "memory" (memory 0))

  ;; The newlines of 64 bytes at $at, one bit a byte.
  (func $mask64 (param $at i32) (result i64)
    (local $lf v128)
    (local.set $lf (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (local.get $lf))))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=16 (local.get $at)) (local.get $lf)))) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=32 (local.get $at)) (local.get $lf)))) (i64.const 32))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=48 (local.get $at)) (local.get $lf)))) (i64.const 48)))))

  ;; How many newlines are in [from, to).
  (func (export "count") (param $from f64) (param $to f64) (result f64)
    (local $at i64) (local $end i64) (local $stop i64) (local $total i64)
    (local $p i32) (local $lf v128) (local $bytes v128) (local $sums v128)
    (local.set $at (i64.trunc_f64_u (local.get $from)))
    (local.set $end (i64.trunc_f64_u (local.get $to)))
    (local.set $lf (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))
    (block $blocksDone
      (loop $fold
        (br_if $blocksDone (i64.gt_u (i64.add (local.get $at) (i64.const 64)) (local.get $end)))
        ;; A lane counts at most 4 a round: after 63 rounds it holds at most 252, and is folded before it can pass 255.
        (local.set $stop (i64.add (local.get $at) (i64.const 4032)))
        (if (i64.gt_u (local.get $stop) (local.get $end))
          (then (local.set $stop (i64.add (local.get $at) (i64.and (i64.sub (local.get $end) (local.get $at)) (i64.const -64))))))
        (local.set $bytes (v128.const i64x2 0 0))
        (loop $round
          (local.set $p (i32.wrap_i64 (local.get $at)))
          ;; An equal lane is -1: subtracting counts it.
          (local.set $bytes (i8x16.sub (local.get $bytes)
            (i8x16.add
              (i8x16.add
                (i8x16.eq (v128.load (local.get $p)) (local.get $lf))
                (i8x16.eq (v128.load offset=16 (local.get $p)) (local.get $lf)))
              (i8x16.add
                (i8x16.eq (v128.load offset=32 (local.get $p)) (local.get $lf))
                (i8x16.eq (v128.load offset=48 (local.get $p)) (local.get $lf))))))
          (local.set $at (i64.add (local.get $at) (i64.const 64)))
          (br_if $round (i64.lt_u (local.get $at) (local.get $stop))))
        ;; 32-bit sums hold: 4 GiB of newlines are 2^30 a lane.
        (local.set $sums (i32x4.add (local.get $sums)
          (i32x4.extadd_pairwise_i16x8_u (i16x8.extadd_pairwise_i8x16_u (local.get $bytes)))))
        (br $fold)))
    (local.set $total
      (i64.add
        (i64.add (i64.extend_i32_u (i32x4.extract_lane 0 (local.get $sums))) (i64.extend_i32_u (i32x4.extract_lane 1 (local.get $sums))))
        (i64.add (i64.extend_i32_u (i32x4.extract_lane 2 (local.get $sums))) (i64.extend_i32_u (i32x4.extract_lane 3 (local.get $sums))))))
    (block $done
      (loop $byte
        (br_if $done (i64.ge_u (local.get $at) (local.get $end)))
        (local.set $total (i64.add (local.get $total)
          (i64.extend_i32_u (i32.eq (i32.load8_u (i32.wrap_i64 (local.get $at))) (i32.const 10)))))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $byte)))
    (f64.convert_i64_u (local.get $total)))

  ;; The offset after the n-th newline (n >= 1) of [from, to), or -1.
  (func (export "nth") (param $from f64) (param $to f64) (param $n f64) (result f64)
    (local $at i64) (local $end i64) (local $left i64) (local $mask i64) (local $found i64)
    (local.set $at (i64.trunc_f64_u (local.get $from)))
    (local.set $end (i64.trunc_f64_u (local.get $to)))
    (local.set $left (i64.trunc_f64_u (local.get $n)))
    (block $blocksDone
      (loop $block
        (br_if $blocksDone (i64.gt_u (i64.add (local.get $at) (i64.const 64)) (local.get $end)))
        (local.set $mask (call $mask64 (i32.wrap_i64 (local.get $at))))
        (local.set $found (i64.popcnt (local.get $mask)))
        (if (i64.ge_u (local.get $found) (local.get $left))
          (then
            ;; Clear the newlines before the wanted one.
            (block $cleared
              (loop $clear
                (br_if $cleared (i64.le_u (local.get $left) (i64.const 1)))
                (local.set $mask (i64.and (local.get $mask) (i64.sub (local.get $mask) (i64.const 1))))
                (local.set $left (i64.sub (local.get $left) (i64.const 1)))
                (br $clear)))
            (return (f64.convert_i64_u (i64.add (i64.add (local.get $at) (i64.ctz (local.get $mask))) (i64.const 1))))))
        (local.set $left (i64.sub (local.get $left) (local.get $found)))
        (local.set $at (i64.add (local.get $at) (i64.const 64)))
        (br $block)))
    (block $done
      (loop $byte
        (br_if $done (i64.ge_u (local.get $at) (local.get $end)))
        (if (i32.eq (i32.load8_u (i32.wrap_i64 (local.get $at))) (i32.const 10))
          (then
            (local.set $left (i64.sub (local.get $left) (i64.const 1)))
            (if (i64.eqz (local.get $left))
              (then (return (f64.convert_i64_u (i64.add (local.get $at) (i64.const 1))))))))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $byte)))
    (f64.const -1))

  ;; The offset after the last newline of [from, to), or -1.
  (func (export "last") (param $from f64) (param $to f64) (result f64)
    (local $at i64) (local $start i64) (local $mask i64)
    (local.set $start (i64.trunc_f64_u (local.get $from)))
    (local.set $at (i64.trunc_f64_u (local.get $to)))
    (block $blocksDone
      (loop $block
        (br_if $blocksDone (i64.lt_u (local.get $at) (i64.add (local.get $start) (i64.const 64))))
        (local.set $mask (call $mask64 (i32.wrap_i64 (i64.sub (local.get $at) (i64.const 64)))))
        (if (i64.ne (local.get $mask) (i64.const 0))
          (then (return (f64.convert_i64_u (i64.sub (local.get $at) (i64.clz (local.get $mask)))))))
        (local.set $at (i64.sub (local.get $at) (i64.const 64)))
        (br $block)))
    (block $done
      (loop $byte
        (br_if $done (i64.le_u (local.get $at) (local.get $start)))
        (if (i32.eq (i32.load8_u (i32.wrap_i64 (i64.sub (local.get $at) (i64.const 1)))) (i32.const 10))
          (then (return (f64.convert_i64_u (local.get $at)))))
        (local.set $at (i64.sub (local.get $at) (i64.const 1)))
        (br $byte)))
    (f64.const -1)))
