using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// What an operator may say of a model and the serverless tier: pure. On it are public base models of the library; one leaves it on a day
/// of which its users learned long enough before.
/// </summary>
internal static class ServerlessMark
{
    /// <summary>Days from the announcement to the end, at the least; the hosted platform promises two weeks.</summary>
    public const int NoticeDays = 14;

    private const string Mark = "supports_serverless", Date = "deprecation_date", Alternative = "stoker_alternative";

    public static DateOnly? DateOf(DateResource? date) =>
        date is { Year: >= 1 and <= 9999, Month: >= 1 and <= 12, Day: >= 1 } && date.Day <= DateTime.DaysInMonth(date.Year, date.Month)
            ? new(date.Year, date.Month, date.Day)
            : null;

    /// <param name="before">Null for a model that is being created.</param>
    /// <param name="isReady">Its files are there.</param>
    /// <param name="ignoreChecks">It may leave without notice.</param>
    /// <returns>Null when there is nothing wrong.</returns>
    public static Problem? Check(ModelName name, ModelResource? before, ModelSpec after, bool isReady, DateOnly today, bool ignoreChecks)
    {
        var (was, isMarked) = (before?.SupportsServerless == true, after.Resource.SupportsServerless == true);
        var (old, date) = (DateOf(before?.DeprecationDate), DateOf(after.Resource.DeprecationDate));
        if (isMarked && WhyNot(name, after, isReady: isReady || was) is { } unfit) return unfit;
        if (date != old && date is { } day)
        {
            if (!isMarked) return Refuse(Date, "is for models on the serverless tier (supports_serverless)");
            if (day < today.AddDays(NoticeDays))
            {
                return Refuse(Date, $"must be at least {NoticeDays} days ahead, {today.AddDays(NoticeDays):yyyy-MM-dd} or later, was {day:yyyy-MM-dd}");
            }
        }

        if (isMarked && !was && date is not null && date == old) return Refuse(Date, $"is {date:yyyy-MM-dd}, when the model left the serverless tier: clear it to put the model back");
        if (date is null && !string.IsNullOrEmpty(after.Resource.StokerAlternative)) return Refuse(Alternative, $"needs {Date} beside it");
        if (!was || isMarked || ignoreChecks || old <= today) return null;
        return Refuse(Mark, old is null
            ? $"cannot be taken away without notice: set {Date} at least {NoticeDays} days ahead, or pass ignoreChecks=true (--ignore-checks) to break with its users"
            : $"ends by itself on {old:yyyy-MM-dd}, the {Date}: wait, or pass ignoreChecks=true (--ignore-checks) to break with its users");
    }

    private static Problem? WhyNot(ModelName name, ModelSpec spec, bool isReady)
    {
        if (name.Parent != AccountName.Library)
        {
            return Refuse(
                Mark, $"is for models of {AccountName.Library} alone: custom models are not available on serverless, create a deployment of your own (firectl create deployment {name.Model})");
        }

        if (spec.Kind != ModelKind.HfBaseModel) return Refuse(Mark, "is for base models: addons are deployed beside their base (firectl deploy), draft heads are named by deployments");
        if (spec.Resource.Public != true) return Refuse(Mark, "is for public models: nobody else can call a private one, set public too");
        return isReady ? null : Refuse(Mark, $"needs the model's weights: upload its files first (firectl upload model {name} PATH)");
    }

    private static Problem Refuse(string field, string why) => new(Code.FailedPrecondition, $"{field} {why}", [new(field, why)]);
}
