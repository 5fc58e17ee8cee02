using System.Diagnostics.CodeAnalysis;

namespace Stoker.Api.Names;

/// <summary>A reservation's full name, <c>accounts/{account}/reservations/{reservation}</c>.</summary>
public sealed record ReservationName(ResourceId Account, ResourceId Reservation) : IParsable<ReservationName>
{
    public const string Collection = "reservations";

    public AccountName Parent => new(Account);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out ReservationName? result)
    {
        result = AccountChild.TryParse(text, Collection, out var account, out var id) ? new(account, id) : null;
        return result is not null;
    }

    public static ReservationName Parse(string text, IFormatProvider? provider = null) =>
        TryParse(text, provider, out var name) ? name : throw new FormatException("A reservation's name is accounts/ACCOUNT/reservations/ID");

    public override string ToString() => $"{Parent}/{Collection}/{Reservation}";
}
