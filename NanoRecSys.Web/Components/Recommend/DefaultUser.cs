using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Components.Recommend;

/// <summary>Whose recommendations a newcomer sees first.</summary>
public static class DefaultUser
{
    /// <summary>The first with a history that is long enough to say something and short enough to look at.</summary>
    public static UserSummary? Of(IReadOnlyList<UserSummary> people) =>
        people.FirstOrDefault(person => person.Interactions is >= 30 and <= 200) ?? (people is [var first, ..] ? first : null);
}
