"""Whether a reply declines, or asks for something: read off English words, by a table of each way."""

from __future__ import annotations

import pytest

from turngym.envs.told import asks, declines

DECLINING = (
    "I cannot do that with the tools I have.",
    "I can't do this here.",
    "I can’t help with that.",
    "I am unable to book flights.",
    "I'm not able to do that.",
    "Sorry, that is not possible.",
    "That isn't possible with my tools.",
    "There is no tool for that.",
    "None of my tools can do it.",
    "I don't have a tool for that.",
    "I do not have a function that does this.",
    "I don't have access to your calendar.",
    "I have no way to do that.",
    "This is impossible for me.",
    "This is outside of what I can do.",
    "That is beyond what I can do.",
    "That's out of my scope.",
    "I lack the tools for this.",
    "I lack a tool that could do so.",
    "I won't be able to do that.",
    "I could not find any tool for this.",
    "None of the available functions can delete a note.",
    "Unfortunately, no function supports that.",
    "My tools do not support sending mail.",
    "My tools don't allow that.",
    "That feature is not available to me.",
    "That functionality is unavailable.",
    "I'm afraid I can't.",
    "Your request can not be fulfilled.",
    "It can't be done with what I have.",
    "It is not something I can do.",
    "I am not equipped to do that.",
    "I have no tool for booking trains.",
    "There isn't a tool for that.",
    "There is currently no available function to do this.",
    "I'm sorry, but I must decline.",
    "Deleting is not supported.",
    "I was unable to complete this because the required tool is missing.",
    "The function that I would need is missing.",
    "Deleting notes cannot be done with my tools.",
)
NOT_DECLINING = (
    "Done.",
    "The booking is confirmed.",
    "It is yours for 7 days.",
    "I have sent the money.",
    "All set (pin): title Lost cat.",
    "The count is 7.",
    "I can do that.",
    "Yes, it is possible.",
    "I found no open invoices.",
    "There are no notes.",
    "Nothing is left to do.",
    "You have no unread messages.",
    "The card is frozen and cannot be used for payments until you unfreeze it.",
    "The fare is non-refundable, so the booking cannot be refunded.",
    "The status is unavailable.",
    "The tool returned 4 entries.",
    "I used the search tool and have booked it.",
    "There is no fee.",
    "No problem, I have done it.",
    "No worries: it is paid.",
    "Which account should I use?",
    "I can do that once I know the day.",
    "Could you tell me the amount?",
    "I will need the title first.",
    "The file has no lines.",
    "No way was found to be shorter: it is 12 km.",
    "The refund is 0.00.",
    "The room has a balcony; it is booked.",
    "The trip is booked, no changes, no refund.",
    "The hotel has no free rooms.",
    "That option costs 12.00.",
    "I have chosen the cheapest option.",
    "No option was cheaper, so I booked this one.",
    "The seat is available.",
    "It is supported and turned on.",
    "Your access has been renewed.",
    "The lack of rain is over.",
    "He said nothing.",
    "I checked: the door is open.",
    "Everything asked for is done.",
)
MONTH = ("day of month", "month")
ASKING = (
    "What is the day of month?",
    "Which month should I use?",
    "Could you tell me the day of month?",
    "Please tell me the day of month.",
    "Let me know the month, then I do it.",
    "I need the day of month for that.",
    "I still need the month.",
    "Please specify the month.",
    "Could you provide the day of month?",
    "Kindly give me the month.",
    "Can you clarify which month you mean?",
    "What month?",
    "On which day of month should it be paid?",
    "I'd need the month to go on.",
    "I require the day of month.",
    "Would you tell me the month?",
    "Before I do that: which day of month?",
    "One thing is missing: the day of month?",
    "May I have the month?",
    "The month is missing; which should it be?",
    "Do you mean this month or the next month?",
    "Tell me the month and I will do it.",
    "Please choose a month.",
    "Which of the months do you mean?",
    "I need to know the month.",
    "What should the day of month be?",
    "Sorry, which day of month was that?",
    "For which month?",
    "Please confirm the month.",
    "Is it the month of March?",
    "Which day of Month?",
    "I also need the month.",
    "What's the day of month you'd like?",
    "Please provide: day of month.",
    "Could you please specify the Day Of Month?",
    "In order to go on, please clarify the month.",
    "To do that, I need you to tell me the month.",
    "Any month you prefer?",
    "Please enter the month.",
    "How about the month: which?",
)
NOT_ASKING = (
    "Done.",
    "It is paid every month.",
    "The day of month is 26.",
    "I set it to the first of the month.",
    "What is the amount?",
    "Which account should I use?",
    "Please tell me the amount.",
    "Could you tell me which one you mean?",
    "I have used the current month.",
    "Nothing is missing.",
    "The month has passed.",
    "I cannot do that this month.",
    "Anything else?",
    "Is there anything else I can do?",
    "The monthly fee is 3.00.",
    "I assumed the 1st of the month.",
    "All set for the month.",
    "Paid for that month.",
    "Your months are counted.",
    "I could not find the month.",
    "I chose the month for you.",
    "The payment leaves on day 1 of the month.",
    "It repeats each month.",
    "I have noted the day of month.",
    "It is done for this month, let me know if you need anything else.",
    "The standing order runs each month. Is there anything else?",
    "Done for the month. Please tell me if I can help further.",
    "All paid this month; do you need anything else?",
    "It was paid last month. Anything else I can do for you?",
    "I need nothing else: the month is set.",
    "I provided the month myself.",
    "The bank will provide the month.",
    "I used the month you told me; please enjoy.",
    "Thank you, the month is clear.",
    "Once a month it is.",
    "The month of the invoice is March.",
    "I went on without the month.",
    "No month was needed.",
    "The month does not matter.",
    "Each month has 30 days here.",
)


@pytest.mark.parametrize("text", DECLINING)
def test_a_reply_that_declines_is_heard(text: str):
    assert declines(text)
    assert declines(text.upper())
    assert declines(f"Thank you for asking. {text} Nothing was changed.")


@pytest.mark.parametrize("text", NOT_DECLINING)
def test_a_reply_that_reports_or_asks_declines_nothing(text: str):
    assert not declines(text)


@pytest.mark.parametrize("text", ASKING)
def test_a_question_for_the_thing_is_heard(text: str):
    assert asks(text, MONTH)
    assert asks(f"I had a look. {text}", MONTH)


@pytest.mark.parametrize("text", NOT_ASKING)
def test_what_asks_for_nothing_or_for_something_else_is_no_question_for_it(text: str):
    assert not asks(text, MONTH)


@pytest.mark.parametrize("text", ASKING)
def test_a_question_for_another_thing_counts_for_that_one_alone(text: str):
    assert not asks(text, ("amount", "bank card"))


def test_a_question_may_point_back_to_the_sentence_before():
    assert asks("I found two bank cards, 3653 and 3042. Which one do you mean?", ("bank card", "card"))
    assert not asks("I froze the bank card. I also paid. Which one do you mean?", ("bank card", "card"))


def test_nothing_is_asked_where_no_words_are_given_and_nothing_is_said():
    assert not asks("Which one?", ())
    assert not asks("", MONTH)
    assert not declines("")


@pytest.mark.parametrize("word", ["tool ", "no ", "can't be a ", "isn't ", "none of a ", "no a b ", "i do not "])
def test_a_long_reply_comes_to_an_end(word: str):
    declines(word * 30_000)  # a pattern that tries every pair of places would take hours
    assert not asks(word * 30_000, MONTH)
