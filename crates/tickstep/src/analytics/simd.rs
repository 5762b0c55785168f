//! The same code compiled once more for wider registers, chosen when the program runs.

/// Work to be compiled for both; `run` is to be `#[inline(always)]` with all the loops it calls.
pub(super) trait Work {
    type Out;

    fn run(self) -> Self::Out;
}

/// Runs the work with AVX2 where the processor has it. The bits of the result are the same: integer
/// arithmetic is exact, and neither copy may fuse or reorder the operations on floats.
pub(super) fn run_wide<W: Work>(work: W) -> W::Out {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        unsafe fn with_avx2<W: Work>(work: W) -> W::Out {
            work.run()
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: The processor has AVX2.
            return unsafe { with_avx2(work) };
        }
    }
    work.run()
}
