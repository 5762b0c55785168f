//! One way to write down a list of pinned numbers with names.

/// Makes an enum from rows `Variant = number, "NAME", "meaning";`. The meaning is its
/// documentation. Names and numbers are those of `tickstep.h` and never change.
macro_rules! numbered {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident: $number_type:ty {
            $($variant:ident = $number:literal, $text:literal, $meaning:literal;)+
        }
    ) => {
        $(#[$attribute])*
        ///
        /// ```
        #[doc = concat!("use tickstep::", stringify!($name), ";")]
        #[doc = concat!("for one in ", stringify!($name), "::ALL {")]
        ///     let number = one.number();
        #[doc = concat!("    let found = ", stringify!($name), "::from_number(number);")]
        ///     assert_eq!(found, Some(*one));
        /// }
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr($number_type)]
        pub enum $name {
            $(#[doc = $meaning] $variant = $number,)+
        }

        impl $name {
            /// Every member, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The pinned number.
            #[must_use]
            pub const fn number(self) -> $number_type {
                self as $number_type
            }

            /// The member with this number.
            #[must_use]
            pub const fn from_number(number: $number_type) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The name in `tickstep.h`, without its prefix.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// What it means, for people.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.name())
            }
        }
    };
}

pub(crate) use numbered;
