//! Which instruction set the kernels use: chosen once at run time, or forced with `RETORT_SIMD`.
//!
//! Kernels are written once as plain inlined bodies and compiled again for each set; the plain build is the oracle.
//! `F = true` tells a body that fused multiply-add is one instruction there; products that are fused have one rounding
//! less, so sets differ by what the kernels' tests bound. Bodies that are never fused give the same bits everywhere.

use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Simd {
    /// What every processor of the target has.
    Plain,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL) besides AVX2.
    Avx512,
    /// NEON, which every aarch64 processor has.
    Neon,
}

impl Simd {
    /// The best set of this machine, or the one that `RETORT_SIMD` names (`plain`, `avx2`, `avx512`, `neon`) if the machine
    /// has it. Read once per process; allocation happens in the first call only, so call it before the audio thread does.
    #[must_use]
    pub fn detect() -> Self {
        static CHOSEN: OnceLock<Simd> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let asked = std::env::var("RETORT_SIMD").ok();
            let named = Self::of_this_machine().find(|simd| Some(simd.name()) == asked.as_deref());
            named.unwrap_or_else(Self::best)
        })
    }

    /// Every set of this machine up to the one that [`Simd::detect`] chose, [`Simd::Plain`] first: what tests and benches
    /// go through.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::of_this_machine().filter(|simd| *simd <= Self::detect())
    }

    fn of_this_machine() -> impl Iterator<Item = Self> {
        [Self::Plain, Self::Avx2, Self::Avx512, Self::Neon].into_iter().filter(|simd| simd.available() == *simd)
    }

    /// This set, or the best that the machine has if it lacks this one. The standard library caches what it finds out of
    /// the processor, so this is a few loads.
    #[inline]
    #[must_use]
    pub fn available(self) -> Self {
        match (self, Self::best()) {
            // Sets of another kind of processor.
            (Self::Avx2 | Self::Avx512, Self::Neon) => Self::Neon,
            (simd, best) => simd.min(best),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (avx2, avx512) {
            (true, true) => Self::Avx512,
            (true, false) => Self::Avx2,
            _ => Self::Plain,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn best() -> Self {
        Self::Neon
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn best() -> Self {
        Self::Plain
    }

    /// The name used by `RETORT_SIMD` and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }
}

/// a * b + c, fused where `F` says that the target has it (elsewhere a fused one would be a slow library call).
#[inline(always)]
#[must_use]
pub fn mul_add<const F: bool>(a: f32, b: f32, c: f32) -> f32 {
    if F { a.mul_add(b, c) } else { a * b + c }
}

/// Compiles `body::<FUSED>` for each instruction set and calls the one that is asked for. `unfused` before `fn` compiles
/// `body::<false>` for all of them: then every set gives the same bits.
///
/// ```ignore
/// simd_dispatch!(pub fn add_scaled(y: &mut [f32], x: &[f32], g: f32) = add_scaled_body);
/// add_scaled(Simd::detect(), &mut y, &x, 0.5);
/// ```
#[macro_export]
macro_rules! simd_dispatch {
    ($(#[$meta:meta])* $vis:vis unfused fn $($rest:tt)*) => {
        $crate::simd_dispatch!(@compile false $(#[$meta])* $vis fn $($rest)*);
    };
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $crate::simd_dispatch!(@compile true $(#[$meta])* $vis fn $($rest)*);
    };
    (@compile $fused:literal $(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(simd: $crate::simd::Simd, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,f16c")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($arg: $ty),*) $(-> $ret)? { $body::<$fused>($($arg),*) }
                #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($arg: $ty),*) $(-> $ret)? { $body::<$fused>($($arg),*) }
                match simd.available() {
                    // SAFETY: `Simd::available` returns a set only if the processor has it.
                    $crate::simd::Simd::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::simd::Simd::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::simd::Simd::Plain | $crate::simd::Simd::Neon => {}
                }
            }
            // The compiler's usual target has NEON; fusing is what differs from the plain build.
            #[cfg(target_arch = "aarch64")]
            if simd == $crate::simd::Simd::Neon {
                return $body::<$fused>($($arg),*);
            }
            let _ = simd;
            $body::<false>($($arg),*)
        }
    };
}
