using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Components.Recommend;

/// <summary>The user whose recommendations are shown first.</summary>
public static class DefaultUser
{
    /// <summary>The first with a history that is long enough to be informative and short enough to read.</summary>
    public static UserSummary? Of(IReadOnlyList<UserSummary> people) =>
        people.FirstOrDefault(person => person.Interactions is >= 30 and <= 200) ?? (people is [var first, ..] ? first : null);
}
