from grupa_pipeline.vocabulary.enums import UserRole


def test_each_role_may_do_what_those_before_it_may() -> None:
    assert UserRole.highest([UserRole.PLANNER, UserRole.OPERATOR, UserRole.VIEWER]) is UserRole.OPERATOR
    assert UserRole.highest([]) is None
    assert UserRole.OPERATOR.may(UserRole.PLANNER) and UserRole.OPERATOR.may(UserRole.OPERATOR)
    assert not UserRole.OPERATOR.may(UserRole.ADMIN)
