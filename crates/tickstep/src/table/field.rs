//! What a column of a table can be.

use crate::text::fault::Quantity;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Time of the row: a count since 1970 or a date.
    Time,
    /// Time of day, where the date stands apart.
    Clock,
    /// Name of the instrument.
    Symbol,
    /// First price of a bar.
    Open,
    /// Highest price of a bar.
    High,
    /// Lowest price of a bar.
    Low,
    /// Last price of a bar.
    Close,
    /// Quantity traded in a bar.
    Volume,
    /// Part of it whose aggressor bought.
    BuyVolume,
    /// Open interest.
    OpenInterest,
    /// Number of trades.
    TradeCount,
    /// Money that changed hands.
    Turnover,
    /// Price of a trade or level.
    Price,
    /// Quantity of a trade or level.
    Qty,
    /// Side of the aggressor, or of the level.
    Side,
    /// Whether the buyer was the maker.
    BuyerIsMaker,
    /// Best bid.
    BidPrice,
    /// Quantity at the best bid.
    BidQty,
    /// Best ask.
    AskPrice,
    /// Quantity at the best ask.
    AskQty,
    /// Number of an update, or of its last part.
    UpdateId,
    /// Number of its first part.
    FirstUpdateId,
    /// Number of the update before.
    PreviousUpdateId,
    /// Distance of a band from the price, in percent.
    Percentage,
    /// Quantity within a band.
    Depth,
    /// Money within a band.
    Notional,
}

/// What becomes of a field's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Symbol,
    /// Ticks of the price grid.
    Price,
    /// Lots of the quantity grid.
    Qty,
    /// A whole number.
    Count,
    /// A float.
    Money,
    Side,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 26] = [
        Self::Time,
        Self::Clock,
        Self::Symbol,
        Self::Open,
        Self::High,
        Self::Low,
        Self::Close,
        Self::Volume,
        Self::BuyVolume,
        Self::OpenInterest,
        Self::TradeCount,
        Self::Turnover,
        Self::Price,
        Self::Qty,
        Self::Side,
        Self::BuyerIsMaker,
        Self::BidPrice,
        Self::BidQty,
        Self::AskPrice,
        Self::AskQty,
        Self::UpdateId,
        Self::FirstUpdateId,
        Self::PreviousUpdateId,
        Self::Percentage,
        Self::Depth,
        Self::Notional,
    ];

    /// Its name, such as `open_interest`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Clock => "clock",
            Self::Symbol => "symbol",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
            Self::BuyVolume => "buy_volume",
            Self::OpenInterest => "open_interest",
            Self::TradeCount => "trade_count",
            Self::Turnover => "turnover",
            Self::Price => "price",
            Self::Qty => "qty",
            Self::Side => "side",
            Self::BuyerIsMaker => "buyer_is_maker",
            Self::BidPrice => "bid_price",
            Self::BidQty => "bid_qty",
            Self::AskPrice => "ask_price",
            Self::AskQty => "ask_qty",
            Self::UpdateId => "update_id",
            Self::FirstUpdateId => "first_update_id",
            Self::PreviousUpdateId => "previous_update_id",
            Self::Percentage => "percentage",
            Self::Depth => "depth",
            Self::Notional => "notional",
        }
    }

    /// The field of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    pub(super) const fn role(self) -> Role {
        match self {
            Self::Time | Self::Clock => Role::Time,
            Self::Symbol => Role::Symbol,
            Self::Open
            | Self::High
            | Self::Low
            | Self::Close
            | Self::Price
            | Self::BidPrice
            | Self::AskPrice => Role::Price,
            Self::Volume
            | Self::BuyVolume
            | Self::OpenInterest
            | Self::Qty
            | Self::BidQty
            | Self::AskQty => Role::Qty,
            Self::TradeCount | Self::UpdateId | Self::FirstUpdateId | Self::PreviousUpdateId => {
                Role::Count
            }
            Self::Turnover | Self::Percentage | Self::Depth | Self::Notional => Role::Money,
            Self::Side | Self::BuyerIsMaker => Role::Side,
        }
    }

    pub(super) fn quantity(self) -> Quantity {
        Quantity {
            name: self.name(),
            is_price: self.role() == Role::Price,
        }
    }
}
